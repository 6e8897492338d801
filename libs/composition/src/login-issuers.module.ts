import { Global, Module } from '@nestjs/common';
import { ISSUER_DOCUMENTS } from '@claviger/features/principals';
import { CONFIG, type Config } from '@claviger/platform/config';
import { createNetworkPolicy } from '@claviger/vaults/network';
import { PinnedIssuerDocuments } from './issuer-documents.js';

/** How the keys of login issuers are fetched. */
@Global()
@Module({
  providers: [
    {
      provide: ISSUER_DOCUMENTS,
      inject: [CONFIG],
      useFactory: ({ security: { networkAllow: allow, networkDeny: deny } }: Config) =>
        new PinnedIssuerDocuments(createNetworkPolicy({ allow, deny })),
    },
  ],
  exports: [ISSUER_DOCUMENTS],
})
export class LoginIssuersModule {}
