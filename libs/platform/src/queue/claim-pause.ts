const PAUSE_MS = 500;

/** The part of BullMQ's backend that gives a worker its next job. */
export interface JobSource {
  moveToActive(token: string, name?: string): Promise<unknown>;
}

/**
 * Makes a failed request for the next job take half a second. A busy BullMQ worker asks again at once when it failed with
 * anything but a refused connection, which is some hundred new connections a second while PostgreSQL restarts.
 *
 * @returns the same backend
 */
export function pauseAfterFailedClaims<S extends JobSource>(backend: S): S {
  const claim = backend.moveToActive.bind(backend) as S['moveToActive'];
  backend.moveToActive = async (token, name) => {
    try {
      return await claim(token, name);
    } catch (error) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      throw error;
    }
  };
  return backend;
}
