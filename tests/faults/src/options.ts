/** What a run of the fault tests was asked for; set by `npm run test:faults`. */
export interface FaultOptions {
  /** Everything, instead of the selection that `npm test` runs. */
  readonly isFull: boolean
  readonly seed: number
  /** Only cases with one of these texts in their names. */
  readonly only: readonly string[]
}

const defaultSeed = 1

export function readFaultOptions(env: NodeJS.ProcessEnv): FaultOptions {
  const only = env['GPULAB_FAULTS_ONLY']?.split(',').filter((text) => text !== '') ?? []
  const seed = Number(env['GPULAB_FAULTS_SEED'] ?? defaultSeed)
  if (!Number.isSafeInteger(seed)) throw new Error(`"${env['GPULAB_FAULTS_SEED']}" is not a seed.`)
  return { isFull: env['GPULAB_FAULTS'] === 'full' || only.length > 0, seed, only }
}

export const isChosen = ({ only }: FaultOptions, name: string): boolean =>
  only.length === 0 || only.some((text) => name.includes(text))
