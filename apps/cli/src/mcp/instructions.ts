/** What an agent is told before it calls anything. */
export function instructions({ isReadOnly }: { isReadOnly: boolean }): string {
  const all = [
    'Containers are named by name, uuid, or the first 6 or more characters of the uuid.',
    'A failure is an object `error`: `code` says what it is, `retryable` whether the same call may work later. Its `hint` may name a command of the command line, which the tool of the same meaning does too: gpulab ls is list_containers, gpulab templates list_templates, gpulab gpus list_gpu_types, gpulab inspect inspect_container, gpulab logs logs.',
  ]
  const changing = [
    'stop_container and start_container come back at once; wait tells when it is so. After wait_timeout nothing has ended: wait again, and do not deploy it twice. deploy_container with a name and if_exists "adopt" can be repeated safely; "replace" makes a failed container anew.',
    'exec ends a command after its timeout, at most 300 seconds. Start what takes longer in the background, as in `nohup python train.py >/tmp/train.log 2>&1 & echo $!`, and read its file.',
  ]
  return [...all, ...(isReadOnly ? [] : changing)].join('\n')
}
