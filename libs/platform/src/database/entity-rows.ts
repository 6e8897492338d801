import type { EntityTarget, ObjectLiteral } from 'typeorm';
import type { Database } from './database.js';

/**
 * Turns rows of hot statements into entities and back, by the names of their columns alone: for entities without value
 * transformers and relations.
 */
export class EntityRows<E extends ObjectLiteral> {
  #columns: readonly (readonly [property: string, column: string])[] | undefined;

  constructor(
    private readonly database: Database,
    private readonly entity: EntityTarget<E>,
  ) {}

  /** A row that has all columns of the table, as an entity. */
  fromRow(row: Readonly<Record<string, unknown>>): E {
    const entity: Record<string, unknown> = {};
    for (const [property, column] of this.#names) entity[property] = row[column];
    return entity as E;
  }

  /** The properties that are there, by the names of their columns. */
  toRow(properties: Partial<E>): Record<string, unknown> {
    const row: Record<string, unknown> = {};
    for (const [property, column] of this.#names) {
      const value: unknown = properties[property];
      if (value !== undefined) row[column] = value;
    }
    return row;
  }

  /** Known once the data source is initialised. */
  get #names(): readonly (readonly [string, string])[] {
    this.#columns ??= this.database.dataSource
      .getMetadata(this.entity)
      .columns.map(({ propertyName, databaseName }) => [propertyName, databaseName] as const);
    return this.#columns;
  }
}
