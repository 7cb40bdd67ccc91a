import { string } from '@oclif/core/args'
import { string as stringFlag } from '@oclif/core/flags'
import { callApi } from '../api/call-api.ts'
import { BaseCommand } from '../base-command.ts'

export default class Api extends BaseCommand {
  static override description =
    'Makes one request with your key and prints the answer as it is. What the API has is shown at /docs of its address, and as OpenAPI at /v1/openapi.json. A POST carries an idempotency key, so it is repeated after a lost connection without doing anything twice.'
  static override examples = [
    'gpulab api GET /v1/account',
    'gpulab api GET "/v1/containers?status=running"',
    `gpulab api POST /v1/containers --data '{"template":"ubuntu-22.04","name":"job"}'`,
    'gpulab api GET "/v1/containers/UUID/events?follow=true"',
  ]
  static override args = {
    method: string({ required: true, ignoreStdin: true, description: 'GET, POST, PUT, PATCH or DELETE' }),
    path: string({ required: true, ignoreStdin: true, description: 'path and query, as /v1/containers' }),
  }
  static override flags = {
    data: stringFlag({
      char: 'd',
      summary: 'Send this JSON; @FILE reads a file, - standard input.',
      helpValue: 'JSON',
    }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Api)
    await callApi(await this.apiContext(flags), { ...args, data: flags.data })
  }
}
