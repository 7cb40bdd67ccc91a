export { type Cell, type CellOptions, openCell, stopCell } from './cell.ts'
export type { CellPart } from './configure.ts'
export { findCellObstacle } from './obstacle.ts'
