export { startEngine, type Engine, type StartEngineOptions } from './engine.ts'
export { parseGpuSpec, simulatedDriverVersion, type GpuModel } from './inventory.ts'
export { gpuToolsFolder } from './inventory-folder.ts'
export { stopEngine, type StopEngineOptions } from './stop-engine.ts'
