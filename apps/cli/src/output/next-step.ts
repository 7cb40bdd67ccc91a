import type { ErrorCode, GpulabError } from '@gpulab/contract'

const steps: Partial<Record<ErrorCode, string>> = {
  invalid_request: 'Add --help to see how the command is used.',
  api_key_missing: 'Run gpulab auth login, or set GPULAB_API_KEY.',
  api_key_invalid: 'Run gpulab auth login with a valid key; gpulab auth status shows which one is used.',
  scope_missing: 'Ask for a key that may do this; gpulab auth whoami --json shows what yours may.',
  route_not_found: 'The server may be older than this program, or the API URL wrong: gpulab auth status.',
  container_not_found: 'Run gpulab ls to see your containers.',
  template_not_found: 'Run gpulab templates to see them.',
  gpu_type_not_found: 'Run gpulab gpus to see them.',
  container_name_taken: 'Choose another --name, or delete the other one with gpulab rm.',
  session_not_found: 'gpulab sessions ls shows those that there are; ended ones are kept for a while only.',
  session_attached: 'gpulab sessions attach takes it over.',
  session_taken_over: 'gpulab sessions attach takes it back.',
  session_ended: 'gpulab sessions wait shows how.',
  container_not_running: 'gpulab inspect shows why; gpulab start starts it again.',
  container_wrong_state: 'gpulab inspect shows its status.',
  idempotency_key_reused: 'Repeat the very same command, or choose another --idempotency-key.',
  idempotency_replayed: 'Do not repeat it: gpulab ls or gpulab inspect shows what it did.',
  host_not_found: 'Run gpulab hosts to see them.',
  host_name_taken: 'Choose another name, or delete the other host with gpulab hosts rm.',
  host_wrong_state: 'gpulab hosts inspect shows its state.',
  host_in_use: 'gpulab hosts inspect shows them; delete them with gpulab rm first.',
  no_capacity:
    'gpulab gpus shows what is free; choose another --gpu-type, or wait in line with deploy --queue.',
  rate_limited: 'Wait a moment and try again.',
  host_unreachable: 'Try again in a moment; gpulab inspect shows on which host it is.',
  engine_unavailable: 'Try again in a moment, or tell the operator of the host.',
  database_unavailable: 'Try again in a moment.',
  exec_outcome_unknown: 'It may have run: look before you run it again.',
}

/** What a user can do about a failure whose thrower did not say. */
export const nextStep = ({ code, requestId }: GpulabError): string | undefined =>
  steps[code] ??
  (code === 'internal' && requestId !== undefined
    ? `Tell the operator the request id ${requestId}.`
    : undefined)
