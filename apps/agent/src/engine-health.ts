import type { Report } from '@gpulab/contract'

type EngineState = Report['engine']

/** What the last call to the engine taught about it. */
export interface EngineHealth {
  state(): EngineState
  up(version: string): void
  down(message: string): void
}

export function createEngineHealth(): EngineHealth {
  let state: EngineState = { available: false, version: null, message: 'The engine has not answered yet.' }
  return {
    state: () => state,
    up: (version) => {
      state = { available: true, version, message: null }
    },
    down: (message) => {
      state = { available: false, version: state.version, message }
    },
  }
}
