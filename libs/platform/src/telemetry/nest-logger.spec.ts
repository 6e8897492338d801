import { captureLogs } from '@claviger/testing';
import { describe, expect, it } from '@jest/globals';
import { Inject, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { NestLogger } from './nest-logger.js';

const canary = 'canary-77aa';

@Module({})
class EmptyModule {}

class NeedsMissing {
  constructor(@Inject('MISSING') readonly missing: unknown) {}
}

@Module({ providers: [NeedsMissing] })
class MiswiredModule {}

class FailsToStart {
  constructor() {
    throw new Error(canary);
  }
}

@Module({ providers: [FailsToStart] })
class FailingModule {}

describe('the Nest logger', () => {
  it('keeps silent about an ordinary start at level info', async () => {
    const logs = captureLogs('info');
    const app = await NestFactory.createApplicationContext(EmptyModule, { logger: new NestLogger(logs.logger) });
    await app.close();
    expect(logs.lines()).toEqual([]);
  });

  it('tells about the start at level debug', async () => {
    const logs = captureLogs('debug');
    const app = await NestFactory.createApplicationContext(EmptyModule, { logger: new NestLogger(logs.logger) });
    await app.close();
    expect(logs.lines('nest.message')[0]).toMatchObject({ level: 'debug', context: 'NestFactory' });
  });

  it('says what is wired wrongly', async () => {
    const logs = captureLogs('info');
    const options = { logger: new NestLogger(logs.logger), abortOnError: false };
    await expect(NestFactory.createApplicationContext(MiswiredModule, options)).rejects.toThrow();
    new NestLogger(logs.logger).error(
      await NestFactory.createApplicationContext(MiswiredModule, options).catch((e) => e),
    );
    expect(logs.lines('nest.wiring')[0]).toMatchObject({ text: expect.stringContaining('MISSING') });
  });

  it('does not repeat the message of what a provider throws', async () => {
    const logs = captureLogs('info');
    const options = { logger: new NestLogger(logs.logger), abortOnError: false };
    const error: unknown = await NestFactory.createApplicationContext(FailingModule, options).catch((e: unknown) => e);
    new NestLogger(logs.logger).error(error, 'ExceptionHandler');
    expect(logs.lines('nest.error')[0]).toMatchObject({ context: 'ExceptionHandler', error: { name: 'Error' } });
    expect(logs.text()).not.toContain(canary);
  });

  it('drops the text and the stack of an error line', () => {
    const logs = captureLogs();
    new NestLogger(logs.logger).error(`cannot connect: ${canary}`, `Error: ${canary}\n    at x`, 'TypeOrmModule');
    expect(logs.lines()[0]).toMatchObject({ event: 'nest.error', context: 'TypeOrmModule' });
    expect(logs.text()).not.toContain(canary);
  });
});
