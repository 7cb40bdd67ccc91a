export { ensureBusybox } from './ensure-busybox.ts'
export { ensureGuestBuilt } from './ensure-guest-built.ts'
