/** What a user sees. `failed`, `stopped` and `running` last; the others pass. */
export const statuses = [
  'queued',
  'deploying',
  'running',
  'stopping',
  'stopped',
  'starting',
  'restarting',
  'failed',
  'deleting',
  'unreachable',
] as const
