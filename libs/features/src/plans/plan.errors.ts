import { AppError } from '@claviger/kernel';

/** No plan of that id that the caller may see. `refusal` says why not, to the audit log alone. */
export const planNotFound = (refusal?: unknown): AppError =>
  new AppError({
    code: 'PLAN_NOT_FOUND',
    kind: 'not_found',
    message: 'There is no such plan, or you may not see it.',
    cause: refusal,
  });

/** Plans are applied by whoever made them. */
export const planNotYours = (): AppError =>
  new AppError({
    code: 'PLAN_NOT_YOURS',
    kind: 'forbidden',
    message: 'Only who made a plan applies it. Make a plan of your own.',
  });

export const planNotInState = (state: string, wanted: string): AppError =>
  new AppError({
    code: 'PLAN_NOT_IN_STATE',
    kind: 'conflict',
    message: `The plan is ${state}; only a plan that is ${wanted} can do this.`,
    details: { state },
  });

/** Two items about one secret: what the first does, the second was not judged over. */
export const planItemsOverlap = (first: number, second: number): AppError =>
  new AppError({
    code: 'PLAN_ITEMS_OVERLAP',
    kind: 'invalid',
    message: `Items ${first} and ${second} are about the same secret. Put one of them into another plan.`,
    details: { items: [first, second] },
  });

export const planHasUnready = (count: number): AppError =>
  new AppError({
    code: 'PLAN_HAS_UNREADY_ITEMS',
    kind: 'conflict',
    message: `Items that cannot be carried out: ${count}. Mend them in a new plan, or apply with skipUnready.`,
    details: { count },
  });

/** What the plan was judged over is not there any more. */
export const planStale = (count: number): AppError =>
  new AppError({
    code: 'PLAN_STALE',
    kind: 'precondition',
    message: `Items whose secret or profiles have changed since they were planned: ${count}. Nothing was done; make a new plan.`,
    details: { count },
  });

export const tooManyPlans = (limit: number): AppError =>
  new AppError({
    code: 'TOO_MANY_PLANS',
    kind: 'conflict',
    message: `You have ${limit} plans that are not ended. Apply or cancel some.`,
    details: { limit },
  });

/** An item would make what is the source of its secret the source. */
export const alreadySource = (profile: string): AppError =>
  new AppError({
    code: 'ALREADY_SOURCE',
    kind: 'conflict',
    message: `The profile ${profile} is the source of the secret already. Leave the item out.`,
    details: { profile },
  });
