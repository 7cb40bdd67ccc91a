export { GuestError } from './errors.ts'
export {
  commitFile,
  hashFile,
  makeDirectory,
  readFile,
  removeFile,
  statFile,
  writeTemporaryFile,
} from './files.ts'
export type { ContentHash, FileFacts, LinkOptions } from './files.ts'
export { GuestConnection, type AttachOptions, type GuestConnectionOptions } from './guest-connection.ts'
export { guestPath } from './guest-path.ts'
export { createGuestListener, type GuestListener, type GuestListenerOptions } from './guest-listener.ts'
export type { GuestStream, OffsetOutput } from './guest-stream.ts'
export type { Ending, EndingFailure, GuestHello, SessionRow } from './payloads.ts'
export type { RunRequest } from './protocol.ts'
