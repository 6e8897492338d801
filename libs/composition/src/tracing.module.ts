import { CONFIG, type Config } from '@claviger/platform/config';
import { openOtlpTracer, TRACING } from '@claviger/platform/tracing';
import type { ProcessKind } from '@claviger/platform/telemetry';
import { Inject, Injectable, Module, type DynamicModule, type OnApplicationShutdown } from '@nestjs/common';
import { PRODUCT_VERSION } from './product-version.js';

const END_TRACING = Symbol('END_TRACING');

/** Last of all, what was traced is told. */
@Injectable()
class TracingEnd implements OnApplicationShutdown {
  constructor(@Inject(END_TRACING) private readonly end: () => Promise<void>) {}

  onApplicationShutdown(): Promise<void> {
    return this.end();
  }
}

/** Puts a tracer in, where the configuration names somebody to tell traces to. */
@Module({})
export class TracingModule {
  static forRoot(process: ProcessKind): DynamicModule {
    const end = {
      provide: END_TRACING,
      inject: [CONFIG],
      useFactory: async ({ telemetry }: Config): Promise<() => Promise<void>> => {
        const { otlpEndpoint: endpoint, traceRatio: ratio } = telemetry;
        if (endpoint === undefined) return () => Promise.resolve();
        const { tracer, close } = await openOtlpTracer({ endpoint, ratio, process, version: PRODUCT_VERSION });
        const takeOut = TRACING.use(tracer);
        return async () => {
          takeOut();
          // A collector that does not answer must not keep the process.
          await close().catch(() => undefined);
        };
      },
    };
    return { module: TracingModule, providers: [end, TracingEnd] };
  }
}
