import { isAppError, type RequestContext, type TraceParent } from '@claviger/kernel';

/** `server` answers a request, `client` calls another system, `consumer` runs a job. */
export type SpanKind = 'server' | 'client' | 'consumer' | 'internal';

/** Ids, and words of fixed lists: an attribute is stored by others, and must tell of no secret, not even its name. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

export type SpanStart = {
  /** A word of a fixed list, or a few. */
  readonly name: string;
  readonly kind: SpanKind;
  readonly parent?: TraceParent | undefined;
  /** What it has to do with in other traces. */
  readonly links?: readonly TraceParent[];
  readonly attributes?: SpanAttributes;
};

export type OpenSpan = {
  /** What happens within is told to belong here. */
  readonly trace: TraceParent;
  /** @param end `errorCode` says that it failed, and how */
  end(end?: { readonly errorCode?: string; readonly attributes?: SpanAttributes }): void;
};

export interface Tracer {
  start(span: SpanStart): OpenSpan;
}

/** Where this process tells its traces; nowhere until a tracer is put in. Asking costs nothing then. */
export class Tracing {
  #tracer: Tracer | undefined;

  get isOn(): boolean {
    return this.#tracer !== undefined;
  }

  /** @returns a function that takes it out again */
  use(tracer: Tracer): () => void {
    this.#tracer = tracer;
    return () => {
      if (this.#tracer === tracer) this.#tracer = undefined;
    };
  }

  start(span: SpanStart): OpenSpan | undefined {
    return this.#tracer?.start(span);
  }

  /** Runs `work` within a span, which fails when it throws. What `work` is given stands where the span does. */
  async within<C extends { readonly trace?: TraceParent | undefined }, T>(
    ctx: C,
    start: Omit<SpanStart, 'parent'>,
    work: (ctx: C) => Promise<T>,
  ): Promise<T> {
    const span = this.#tracer?.start({ ...start, parent: ctx.trace });
    if (!span) return work(ctx);
    try {
      const result = await work({ ...ctx, trace: span.trace });
      span.end();
      return result;
    } catch (error) {
      span.end({ errorCode: isAppError(error) ? error.code : 'INTERNAL' });
      throw error;
    }
  }
}

/** The traces of this process. */
export const TRACING = new Tracing();

/** A context's place in its trace, for what takes it along. */
export function traceOf({ trace }: Pick<RequestContext, 'trace'>): { readonly trace?: TraceParent } {
  return trace === undefined ? {} : { trace };
}
