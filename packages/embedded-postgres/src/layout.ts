import { join } from 'node:path'

/** What lies in a data directory. Secrets and logs are ours and lie beside the cluster, which is the server's. */
export interface Layout {
  readonly dataDir: string
  readonly clusterDir: string
  readonly passwordFile: string
  readonly portFile: string
  readonly logFile: string
}

export const layoutOf = (dataDir: string): Layout => ({
  dataDir,
  clusterDir: join(dataDir, 'cluster'),
  passwordFile: join(dataDir, 'password'),
  portFile: join(dataDir, 'port'),
  logFile: join(dataDir, 'server.log'),
})
