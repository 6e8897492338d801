import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, SecretValue, type Clock } from '@claviger/kernel';
import { Keyring } from '@claviger/platform/crypto';
import type { SubscriptionEntity } from './subscription.entity.js';

/** For how long after a rotation messages are signed with the old secret too. */
export const ROTATION_OVERLAP_MS = 24 * 3_600_000;

type Secrets = Pick<SubscriptionEntity, 'secret' | 'previousSecret' | 'previousSecretUntil'>;
type Column = 'secret' | 'previous_secret';

const place = (id: string, column: Column): string => `notification_subscription/${id}/${column}`;

/** Seals and opens what messages of webhooks are signed with. */
@Injectable()
export class SigningSecrets {
  constructor(
    private readonly keyring: Keyring,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** The columns of a webhook that is signed with this secret alone. */
  first(storeId: string, id: string, secret: SecretValue): Secrets {
    return { secret: this.#seal(storeId, id, 'secret', secret), previousSecret: null, previousSecretUntil: null };
  }

  /** The columns of a webhook whose secret is replaced: the one that it has goes on signing for 24 hours. */
  rotated({ storeId, id, secret: current }: SubscriptionEntity, next: SecretValue): Secrets {
    const old = new SecretValue(this.keyring.open(storeId, place(id, 'secret'), current!).toString());
    return {
      secret: this.#seal(storeId, id, 'secret', next),
      previousSecret: this.#seal(storeId, id, 'previous_secret', old),
      previousSecretUntil: new Date(this.clock.now().getTime() + ROTATION_OVERLAP_MS),
    };
  }

  /** What to sign with now, the newest first. */
  open({ storeId, id, secret, previousSecret, previousSecretUntil }: SubscriptionEntity): SecretValue[] {
    const isOverlapping = previousSecretUntil !== null && previousSecretUntil > this.clock.now();
    const sealed: [Column, Buffer | null][] = [['secret', secret]];
    if (isOverlapping) sealed.push(['previous_secret', previousSecret]);
    return sealed
      .filter((one): one is [Column, Buffer] => one[1] !== null)
      .map(([column, bytes]) => new SecretValue(this.keyring.open(storeId, place(id, column), bytes).toString()));
  }

  #seal(storeId: string, id: string, column: Column, secret: SecretValue): Buffer {
    return this.keyring.seal(storeId, place(id, column), secret.reveal());
  }
}
