export { createAuthorizedTransport, type Credential } from './authorized-transport.ts'
export { collectByHeap } from './collect-by-heap.ts'
export {
  createHttpTransport,
  type HttpTransportOptions,
  isLoopback,
  requireSecureUrl,
} from './http-transport.ts'
export { createSessionTransport } from './session-transport.ts'
export { createSocketChannel, socketOptions } from './socket-channel.ts'
export { createStreamChannel } from './stream-channel.ts'
