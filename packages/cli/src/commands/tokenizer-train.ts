import { Command, InvalidArgumentError, Option } from 'commander';
import { withInterrupts } from '../interrupts.ts';
import { formatOption, integerIn, jsonOption, workersOption } from '../options.ts';
import { print, printJson } from '../output.ts';
import { createProgress } from '../progress.ts';
import { withSpooledStdin } from '../spooled-stdin.ts';
import { runTask } from '../task-client.ts';

/** `tokenizer train`: learn a vocabulary. */
export function trainTokenizerCommand(): Command {
  return new Command('train')
    .description(
      'Learn a WordPiece, byte-level or Metaspace BPE, or Unigram vocabulary and write a Hugging Face tokenizer folder.',
    )
    .requiredOption(
      '--data <path>',
      'file, folder or pattern of JSONL, CSV, Parquet or plain text, plain or packed; - for standard input; or a recipe (YAML)',
    )
    .requiredOption('--out <dir>', 'folder to write')
    .addOption(formatOption())
    .addOption(
      new Option('--kind <name>', 'model; metaspace-bpe is as Llama has it')
        .choices(['wordpiece', 'bpe', 'metaspace-bpe', 'unigram'])
        .default('wordpiece'),
    )
    .addOption(new Option('--vocab-size <n>', 'tokens in all').argParser(integerIn(16, 2 ** 20 - 1)).default(8000))
    .option('--column <name>', 'column that holds the text (default: text)')
    .option('--messages <column>', 'column of chat messages (default: messages, where there is no text)')
    .addOption(
      new Option('--min-frequency <n>', 'pairs rarer than this are not merged (default: 2)').argParser(
        integerIn(0, 2 ** 31),
      ),
    )
    .addOption(
      new Option('--limit-alphabet <n>', 'the most frequent characters kept (default: all)').argParser(
        integerIn(1, 2 ** 20),
      ),
    )
    .option('--lowercase', 'lowercase the texts (default for wordpiece)')
    .option('--no-lowercase', 'keep the case')
    .option('--split-digits', 'every digit a token')
    .option('--byte-fallback', 'unigram: unknown characters become bytes (default for metaspace-bpe)')
    .option('--no-byte-fallback', 'metaspace-bpe: unknown characters become <unk>')
    .addOption(
      new Option('--template <name>', 'special tokens around a text').choices([
        'cls-sep',
        'bos-eos',
        'bos',
        'eos',
        'none',
      ]),
    )
    .addOption(new Option('--chat-template <text>', 'user-agent, chatml or Jinja text').argParser(chatTemplate))
    .addOption(
      new Option('--max-length <n>', 'model_max_length in tokens').argParser(integerIn(1, 2 ** 31 - 1)).default(512),
    )
    .addOption(workersOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExamples:\n  $ slm-compress tokenizer train --data reviews.jsonl --vocab-size 8000 --out tokenizers/reviews\n' +
        '  $ slm-compress tokenizer train --data chats.txt --kind bpe --chat-template chatml --out tokenizers/chat\n' +
        '  $ slm-compress tokenizer train --data models/intents/recipe.yaml --kind metaspace-bpe --out tokenizers/intents\n\n' +
        'Of a recipe the training and unlabelled inputs are read as they are, before cleaning and splits; slm-compress data prepare\n' +
        'writes a folder of cleaned and split texts, which --data takes too.\n',
    )
    .action(async (options) => {
      const { data, column: text, messages, format, out, json, ...learn } = options;
      const columns = { ...(text === undefined ? {} : { text }), ...(messages === undefined ? {} : { messages }) };
      const progress = createProgress({ json: json === true });
      const made = await withInterrupts((signal) =>
        withSpooledStdin(data, (file) =>
          runTask(
            {
              kind: 'tokenizer',
              data: file,
              columns,
              ...(format === undefined ? {} : { format }),
              out,
              options: learn,
            },
            { signal, onEvent: (event) => progress.show(event) },
          ),
        ).finally(() => progress.stop()),
      );
      if (json) printJson({ kind: 'result', ...made });
      else print(`${made.folder}  ${made.vocabSize} tokens from ${made.texts} texts`);
    });
}

/** The name of a template that is there, or Jinja, which has braces. */
function chatTemplate(text: string): string {
  if (['user-agent', 'chatml'].includes(text) || text.includes('{')) return text;
  throw new InvalidArgumentError('Expected user-agent, chatml or a Jinja template.');
}
