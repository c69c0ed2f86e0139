/** Servers for tests, each in its own process on a free port, and a proxy that breaks connections to them. */
export { killAtExit } from './kill-at-exit.ts'
export { pgbouncerAvailable, startPgBouncer } from './pgbouncer.ts'
export { type PostgresServer, startPostgres } from './postgres.ts'
export { type RedisServer, redisAvailable, startRedis } from './redis.ts'
export { type Direction, type Filter, startTcpProxy, type TcpProxy } from './tcp-proxy.ts'
