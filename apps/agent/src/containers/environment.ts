import type { TargetContainer } from '@gpulab/contract'
import type { EngineImage } from '../docker/images.ts'

export type GpuInjection = 'nvidia' | 'cdi'

/** Variables that a privileged hook of the GPU tools reads, or that a loader obeys before it. */
const deciding = /^(?:NVIDIA_|NV_|CUDA_VISIBLE_DEVICES$|LD_)/
/** In an image these two would act on the hook itself (CVE-2025-23266). */
const dangerousInImage =
  /^(?:LD_PRELOAD|LD_AUDIT|NVIDIA_(?!REQUIRE_|PRODUCT_NAME|VISIBLE_DEVICES|DRIVER_CAPABILITIES))/

const driverCapabilities = 'compute,utility'

/** The GPU variables of each process in the container: what was leased, or nothing. */
export function toGpuEnvironment(gpuUuids: readonly string[], injection: GpuInjection): string[] {
  // "void" also where CDI injects: a legacy hook on the same host must not add cards of its own.
  const visible = gpuUuids.length > 0 && injection === 'nvidia' ? gpuUuids.join(',') : 'void'
  return [`NVIDIA_VISIBLE_DEVICES=${visible}`, `NVIDIA_DRIVER_CAPABILITIES=${driverCapabilities}`]
}

/** Whether a variable of a user could change which GPUs are seen or what a hook runs. */
export const isDeciding = (key: string): boolean => deciding.test(key)

/** The engine's list: the user's variables, ours, and bare keys, which take a variable of the image away. */
export function toEnvironment(
  { env, gpu_uuids }: Pick<TargetContainer, 'env' | 'gpu_uuids'>,
  image: Pick<EngineImage, 'env'>,
  injection: GpuInjection,
): string[] {
  const own = Object.entries(env).flatMap(([key, value]) => (isDeciding(key) ? [] : [`${key}=${value}`]))
  const removed = image.env
    .map((entry) => entry.split('=', 1)[0] ?? '')
    .filter((key) => dangerousInImage.test(key))
  return [...own, ...removed, ...toGpuEnvironment(gpu_uuids, injection)]
}
