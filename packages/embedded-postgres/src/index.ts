export { startPostgres, type PostgresServer, type StartPostgresOptions } from './start-postgres.ts'
