/**
 * The whole environment of every program that we start here. Nothing is passed on: secrets in Claviger's own
 * environment must not be readable in another process, and LANG or PG* variables must not choose for the server.
 */
export const cleanEnvironment: Readonly<Record<string, string>> = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LC_ALL: 'C',
  TZ: 'UTC',
};
