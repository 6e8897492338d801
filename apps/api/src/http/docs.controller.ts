import { createReadStream } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Controller, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { defineEndpoint, Endpoint } from './endpoint.js';
import { ApiDescription } from './openapi.js';

const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <title>Claviger API</title>
    <link rel="stylesheet" href="/api/docs/swagger-ui.css" />
  </head>
  <body>
    <div id="ui"></div>
    <script src="/api/docs/swagger-ui-bundle.js"></script>
    <script src="/api/docs/start.js"></script>
  </body>
</html>
`;
const START = `SwaggerUIBundle({ url: '/api/openapi.json', dom_id: '#ui', validatorUrl: null });\n`;
const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'";

const document = defineEndpoint({
  method: 'GET',
  path: 'openapi.json',
  summary: 'This description',
  needs: 'public',
  isInternal: true,
});
const page = defineEndpoint({
  method: 'GET',
  path: 'docs',
  summary: 'This description, to browse',
  needs: 'public',
  isInternal: true,
});
const start = defineEndpoint({
  method: 'GET',
  path: 'docs/start.js',
  summary: 'Part of the page',
  needs: 'public',
  isInternal: true,
});
const script = defineEndpoint({
  method: 'GET',
  path: 'docs/swagger-ui-bundle.js',
  summary: 'Part of the page',
  needs: 'public',
  isInternal: true,
});
const style = defineEndpoint({
  method: 'GET',
  path: 'docs/swagger-ui.css',
  summary: 'Part of the page',
  needs: 'public',
  isInternal: true,
});

/** The API description, for programs and for people. */
@Controller('api')
export class DocsController {
  constructor(private readonly description: ApiDescription) {}

  @Endpoint(document)
  document(): unknown {
    return this.description.document();
  }

  @Endpoint(page)
  async page(@Res() reply: FastifyReply): Promise<void> {
    await reply.header('content-security-policy', CSP).type('text/html; charset=utf-8').send(PAGE);
  }

  @Endpoint(start)
  async start(@Res() reply: FastifyReply): Promise<void> {
    await reply.type('text/javascript').send(START);
  }

  @Endpoint(script)
  async script(@Res() reply: FastifyReply): Promise<void> {
    await reply.type('text/javascript').send(asset('swagger-ui-bundle.js'));
  }

  @Endpoint(style)
  async style(@Res() reply: FastifyReply): Promise<void> {
    await reply.type('text/css').send(asset('swagger-ui.css'));
  }
}

function asset(name: string): ReturnType<typeof createReadStream> {
  const directory = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
  return createReadStream(join(directory, name));
}
