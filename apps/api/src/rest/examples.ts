/** What the examples of the API description have in common, so that they tell one story. */
export const EXAMPLE = {
  secretId: '01a1ff05-358f-75a0-a07f-9990f4d0039f',
  changeId: '01a1ff05-3707-73cc-8400-fe7ac3f2e568',
  requestId: '01a1ff05-3dac-7ef8-91a6-895f0be4aea2',
  accessor: 'hht9zmmRG9nJ4z8tf6m8umsM',
  userId: '01a1ff04-f1c8-7a52-9b1e-5a2f0c6d7e31',
  serviceAccountId: '01a1ff04-f6aa-7b0d-8c3f-6b3d1e7f8a42',
  groupId: '01a1ff04-fb8c-7c1e-9d4a-7c4e2f8a9b53',
  credentialId: '01a1ff05-006e-7d2f-8e5b-8d5f3a9bac64',
  loginIssuerId: '01a1ff05-0a2e-7e40-8f6c-9e6a4bacbd75',
  requester: { id: 'token:01a1ff04-dcf2-741e-ac81-08a31f794057', name: 'ci' },
  at: '2026-11-21T16:51:34.280Z',
  later: '2026-11-21T16:51:34.335Z',
} as const;
