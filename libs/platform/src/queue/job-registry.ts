import { jobDefinedTwice } from './queue.errors.js';
import { JOB_NAMES } from './queue.metrics.js';
import type { JobDefinition } from './job-definition.js';

/** Every job that the features of this process define. */
export class JobRegistry {
  readonly #definitions = new Map<string, JobDefinition>();

  /** Adds definitions; the same one may come again. @throws AppError `JOB_DEFINED_TWICE` */
  add(...definitions: readonly JobDefinition[]): void {
    for (const definition of definitions) {
      const known = this.#definitions.get(definition.name);
      if (known && known !== definition) throw jobDefinedTwice(definition.name);
      this.#definitions.set(definition.name, definition);
      JOB_NAMES.declare(definition.name);
    }
  }

  has(definition: JobDefinition): boolean {
    return this.#definitions.get(definition.name) === definition;
  }

  names(): readonly string[] {
    return [...this.#definitions.keys()];
  }
}
