import type { Frame } from '@gpulab/contract'

/** A WebSocket message, which has a length of its own: type (1 byte), payload. */
export function encodeMessage({ type, payload }: Frame): Buffer {
  // Not zeroed first, as an array of its own would be.
  const message = Buffer.allocUnsafe(1 + payload.length)
  message[0] = type
  message.set(payload, 1)
  return message
}
