import { z } from 'zod'
import { endpoint, json } from '../endpoint.ts'
import { HostName, text, Timestamp, Uuid } from '../fields.ts'

const base64url = (max: number) =>
  z
    .string()
    .max(max)
    .regex(/^[A-Za-z0-9_-]+$/, 'base64url')

/** Seconds for which a challenge may be answered. */
export const challengeSeconds = 60

/**
 * What a host signs, as UTF-8: the purpose keeps a signature of one kind from being taken for another, and the
 * challenge from being used twice in time.
 */
export const toProofText = (purpose: 'join' | 'connect', challenge: string, subject: string): string =>
  `gpulab-host-${purpose}\n${challenge}\n${subject}`

export const join = {
  challenge: endpoint({
    method: 'POST',
    path: '/agent/v1/challenges',
    summary: 'Get a challenge for a host to sign',
    scope: 'public',
    result: json(z.object({ challenge: base64url(512) })),
    errors: [],
  }),
  join: endpoint({
    method: 'POST',
    path: '/agent/v1/join',
    summary: 'Make a machine a host, with a join token and a key of its own',
    scope: 'public',
    body: z.object({
      token: text(200),
      name: HostName.describe('Used where the token names no host.'),
      public_key: base64url(100).describe('Ed25519, raw 32 bytes (RFC 8032).'),
      challenge: base64url(512),
      signature: base64url(200).describe(
        'Ed25519 over `toProofText("join", challenge, public_key)`: whoever joins has the private key.',
      ),
    }),
    result: json(z.object({ host_uuid: Uuid, name: z.string() }), 201),
    errors: ['join_token_invalid', 'host_proof_invalid', 'host_name_taken', 'host_wrong_state'],
  }),
  connect: endpoint({
    method: 'POST',
    path: '/agent/v1/connect',
    summary: 'Prove the host key and get a session',
    scope: 'public',
    body: z.object({
      host_uuid: Uuid,
      challenge: base64url(512),
      signature: base64url(200).describe('Ed25519 over `toProofText("connect", challenge, host_uuid)`.'),
    }),
    result: json(
      z.object({
        session: z.string().max(500).describe('For `authorization: Bearer`.'),
        expires_at: Timestamp.describe("By the control plane's clock."),
        expires_in: z.int().min(1).describe('Seconds, so that clocks need not agree.'),
      }),
    ),
    errors: ['host_proof_invalid'],
  }),
}
