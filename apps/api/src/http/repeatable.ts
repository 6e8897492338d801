import type { RequestContext } from '@claviger/kernel';

type Run = (ctx: RequestContext) => Promise<unknown>;
/** Runs a controller method, or answers in its place. */
export type Execution = (run: Run) => Promise<unknown>;

const executions = new WeakMap<RequestContext, Execution>();

/** Has the method that is called with this context run by `execution`. */
export function executeBy(ctx: RequestContext, execution: Execution): void {
  executions.set(ctx, execution);
}

/**
 * A controller method whose first parameter is the context, and which may be asked to be executed once ({@link executeBy}).
 * An interceptor would cost those who do not ask.
 */
export function Repeatable(): MethodDecorator {
  return (_target, _name, descriptor: PropertyDescriptor) => {
    const method = descriptor.value as (...args: unknown[]) => Promise<unknown>;
    descriptor.value = function (this: unknown, ctx: RequestContext, ...rest: unknown[]): Promise<unknown> {
      const execution = executions.get(ctx);
      return execution ? execution((as) => method.call(this, as, ...rest)) : method.call(this, ctx, ...rest);
    };
  };
}
