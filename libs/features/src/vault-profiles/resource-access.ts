import { Injectable } from '@nestjs/common';
import type { AppError, RequestContext } from '@claviger/kernel';
import { AccessService, type Operation } from '@claviger/features/access';

type Resource = 'vault-instances' | 'vault-profiles';

/** Judges what a caller may do with instances and profiles, on the paths `claviger/<resource>/<name>`. */
@Injectable()
export class ResourceAccess {
  constructor(private readonly access: AccessService) {}

  /** @throws AppError ACCESS_DENIED */
  authorizeCreate(ctx: RequestContext, resource: Resource, name: string): void {
    this.access.authorize(ctx, path(resource, name), 'create');
  }

  /** @throws AppError ACCESS_DENIED */
  authorizeList(ctx: RequestContext, resource: Resource): void {
    this.access.authorize(ctx, path(resource, ''), 'list');
  }

  /**
   * What was looked up, for a caller who may do this with it. Who may not gets the same answer as if there were none,
   * and it tells no name that the caller did not send.
   *
   * @throws AppError ACCESS_DENIED, or the one given
   */
  require<T extends { readonly name: string }>(
    ctx: RequestContext,
    wanted: { readonly resource: Resource; readonly idOrName: string; readonly operation: Operation },
    found: T | undefined,
    notFound: () => AppError,
  ): T {
    const { resource, idOrName, operation } = wanted;
    if (found && this.access.can(ctx, path(resource, found.name), operation)) return found;
    this.access.authorize(ctx, path(resource, idOrName), operation);
    throw notFound();
  }
}

const path = (resource: Resource, name: string): string => `claviger/${resource}/${name}`;
