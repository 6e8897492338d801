import { AppError } from '@claviger/kernel';

/** The port cannot be listened on; `reason` is the system's name of why. */
export function portUnusable(host: string, port: number, reason: string): AppError {
  const place = `${host}:${port}`;
  const messages: Readonly<Record<string, string>> = {
    EADDRINUSE: `Port ${port} on ${host} is in use by another program; stop that, or set CLAVIGER_PORT to another port.`,
    EACCES: `Port ${port} may not be used by this user; set CLAVIGER_PORT to a port from 1024 on.`,
    EADDRNOTAVAIL: `This machine has no address ${host} to listen on; set CLAVIGER_HOST to one that it has.`,
    ENOTFOUND: `The name ${host} is not known here; set CLAVIGER_HOST to an address of this machine.`,
  };
  return new AppError({
    code: reason === 'EADDRINUSE' ? 'PORT_IN_USE' : 'PORT_UNUSABLE',
    kind: 'precondition',
    message:
      messages[reason] ?? `Claviger cannot listen on ${place} (${reason}); check CLAVIGER_HOST and CLAVIGER_PORT.`,
  });
}

/** The embedded database ended although nobody asked it to. */
export function databaseEnded(logFile: string): AppError {
  return new AppError({
    code: 'DATABASE_ENDED',
    kind: 'unavailable',
    message: `PostgreSQL ended unexpectedly; its log is ${logFile}. Start Claviger again.`,
  });
}
