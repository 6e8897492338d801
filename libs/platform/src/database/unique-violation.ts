/** True for PostgreSQL's unique_violation (23505) of that constraint or index, as pg or TypeORM throw it. */
export function isUniqueViolation(error: unknown, constraint: string): boolean {
  const driver = (error as { driverError?: unknown }).driverError ?? error;
  const { code, constraint: name } = driver as { code?: unknown; constraint?: unknown };
  return code === '23505' && name === constraint;
}
