import { afterAll, beforeAll, expect, it } from 'vitest'
import { sampleSshKey } from '../../test/access-objects.ts'
import { startTestApi, type TestApi } from '../../test/start-test-api.ts'

let api: TestApi

beforeAll(async () => {
  api = await startTestApi()
})
afterAll(() => api[Symbol.asyncDispose]())

it('adds, lists and removes keys of the user', async () => {
  const key = await api.client.sshKeys.add({ body: { name: 'laptop', public_key: `${sampleSshKey()} me` } })
  expect(key).toMatchObject({ type: 'ssh-ed25519', comment: 'me' })
  expect((await api.client.sshKeys.list({})).items).toEqual([key])
  expect((await api.stranger.sshKeys.list({})).items).toEqual([])
  await api.client.sshKeys.remove({ params: key })
  await expect(api.client.sshKeys.remove({ params: key })).rejects.toMatchObject({
    code: 'ssh_key_not_found',
  })
})

it('refuses a name or key that is there, whoever has it', async () => {
  const line = sampleSshKey()
  await api.client.sshKeys.add({ body: { name: 'a', public_key: line } })
  await expect(
    api.client.sshKeys.add({ body: { name: 'a', public_key: sampleSshKey() } }),
  ).rejects.toMatchObject({
    code: 'ssh_key_exists',
  })
  await expect(api.stranger.sshKeys.add({ body: { name: 'b', public_key: line } })).rejects.toMatchObject({
    code: 'ssh_key_exists',
    exitCode: 5,
  })
})

it('stores nothing of a private key', async () => {
  const text = '-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n-----END'
  await expect(api.client.sshKeys.add({ body: { name: 'oops', public_key: text } })).rejects.toMatchObject({
    code: 'ssh_key_invalid',
    exitCode: 2,
  })
  expect((await api.client.sshKeys.list({})).items.some(({ name }) => name === 'oops')).toBe(false)
})
