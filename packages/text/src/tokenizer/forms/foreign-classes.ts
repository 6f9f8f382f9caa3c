/**
 * Classes of the `transformers` library, by the file of their vocabulary, that number tokens or prepare texts in ways that
 * are not known here: what is read from the file alone would be silently wrong.
 */
const foreign = {
  'vocab.txt':
    'BertJapanese Bertweet CpmAnt Esm FastSpeech2Conformer Funnel GPTNeoXJapanese Phobert ProphetNet RoCBert RoFormer Splinter Tapas',
  'vocab.json':
    'Bertweet BioGpt Blenderbot BlenderbotSmall CTRL Clvp Cohere FSMT Flaubert GPTNeoX Herbert Luke MarkupLM Nougat OpenAIGPT Phobert Whisper XLM',
  '*.model':
    'Barthez Bartpho BigBird DebertaV2 FNet GPTSw3 LayoutXLM M2M100 MBart MBart50 MLuke Marian Nllb PLBart Pegasus Reformer RemBert SeamlessM4T Siglip Speech2Text SpeechT5 Udop XGLM XLMProphetNet XLNet',
};
const byFile = Object.fromEntries(Object.entries(foreign).map(([file, names]) => [file, new Set(names.split(' '))]));

/**
 * The name of a class without `Tokenizer` and `TokenizerFast` behind it; empty when none is stated. Throws an Error for a
 * class that the file does not suffice for.
 */
export function classOf(stated: unknown, file: keyof typeof foreign): string {
  const name = String(stated ?? '');
  const short = name.replace(/Tokenizer(?:Fast)?$/, '');
  if (byFile[file]!.has(short)) {
    throw new Error(
      `tokenizer_class: expected a class whose ids are known here, got ${name} (save it with its tokenizer.json)`,
    );
  }
  return short;
}
