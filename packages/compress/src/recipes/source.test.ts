import { tmpdir } from 'node:os';
import { expect, it } from 'vitest';
import { dataSchema } from './data-schema.ts';
import { sourceDigest } from './source.ts';

it('says of a missing data file what helps on a command line and in a recipe', async () => {
  await expect(sourceDigest(dataSchema.parse({ source: 'no-such-file.csv' }), tmpdir())).rejects.toMatchObject({
    code: 'FILE_NOT_FOUND',
    message: expect.stringMatching(/no-such-file\.csv: .* found none \(check the path, data in a recipe\)/),
  });
});
