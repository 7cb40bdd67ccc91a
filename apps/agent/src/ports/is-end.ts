import { type Frame, frameType, parseControl } from '@gpulab/contract'

/** Whether a client has ended its side. */
export const isEnd = (frame: Frame): boolean =>
  frame.type === frameType.control && parseControl(frame).type === 'eof'
