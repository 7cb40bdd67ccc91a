export { createFakeClock, type FakeClock } from './clock.ts'
export { eventually, type EventuallyOptions } from './eventually.ts'
export { createTestDatabase, type TestDatabase, type TestDatabaseOptions } from './postgres.ts'
export { createRandom, growTree } from './grow-tree.ts'
export { type Certificate, makeCertificate } from './make-certificate.ts'
export { type MooseFs, startMooseFs } from './moosefs.ts'
export { readTree } from './read-tree.ts'
export {
  type Direction,
  type NetworkFault,
  type ProxyAddress,
  startTcpProxy,
  type TcpProxy,
  type TcpProxyOptions,
} from './tcp-proxy.ts'
export { findFreePort, writeSecret } from './scratch.ts'
export { type Finished, run, type Service, startService } from './service.ts'
export { startBalancer } from './start-balancer.ts'
