const WITHIN_MS = 20_000;
const POLL_MS = 20;

/**
 * Runs `attempt` again and again until it does not throw, and resolves with what it returned; throws its last error after
 * a deadline that only a defect reaches.
 */
export async function eventually<T>(attempt: () => T | Promise<T>, withinMs = WITHIN_MS): Promise<T> {
  for (const deadline = Date.now() + withinMs; ;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
}
