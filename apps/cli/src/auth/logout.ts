import type { Context } from '../context.ts'
import { escapeText } from '../output/escape.ts'
import { changeSettings, writeProfileFile } from '../profile-file.ts'

export async function logout({ output, profile }: Context): Promise<void> {
  const { file, name } = profile
  const stored = (name === undefined ? file : file.profiles?.[name])?.api_key
  if (stored !== undefined)
    await writeProfileFile(profile.path, changeSettings(file, name, { api_key: undefined }))
  output.render({
    table: () =>
      output.line(
        stored === undefined ? 'You were not logged in.' : `${output.style('green', '✓')} Logged out`,
      ),
    json: { logged_out: stored !== undefined, config: profile.path },
    quiet: [],
  })
  if (profile.apiKeySource === 'environment') {
    output.warn('GPULAB_API_KEY is still set, and is used instead of the stored key.')
  } else if (stored !== undefined) {
    output.note(`  The key is gone from ${escapeText(profile.path)}.`)
  }
}
