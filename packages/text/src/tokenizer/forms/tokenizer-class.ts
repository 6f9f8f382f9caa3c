import type { Component } from '../normalizers.ts';

/** The class of tokenizers by the `model_type` of config.json, for folders that name none. */
const classes: Readonly<Record<string, string>> = {
  albert: 'AlbertTokenizer',
  bart: 'BartTokenizer',
  barthez: 'BarthezTokenizer',
  bert: 'BertTokenizer',
  big_bird: 'BigBirdTokenizer',
  biogpt: 'BioGptTokenizer',
  blenderbot: 'BlenderbotTokenizer',
  camembert: 'CamembertTokenizer',
  clip: 'CLIPTokenizer',
  ctrl: 'CTRLTokenizer',
  deberta: 'DebertaTokenizer',
  'deberta-v2': 'DebertaV2Tokenizer',
  distilbert: 'DistilBertTokenizer',
  electra: 'ElectraTokenizer',
  esm: 'EsmTokenizer',
  flaubert: 'FlaubertTokenizer',
  fnet: 'FNetTokenizer',
  fsmt: 'FSMTTokenizer',
  funnel: 'FunnelTokenizer',
  gpt2: 'GPT2Tokenizer',
  gpt_neo: 'GPT2Tokenizer',
  gpt_neox: 'GPTNeoXTokenizer',
  layoutlmv3: 'LayoutLMv3Tokenizer',
  led: 'LEDTokenizer',
  llama: 'LlamaTokenizer',
  longformer: 'LongformerTokenizer',
  m2m_100: 'M2M100Tokenizer',
  marian: 'MarianTokenizer',
  mbart: 'MBartTokenizer',
  mistral: 'LlamaTokenizer',
  mixtral: 'LlamaTokenizer',
  mobilebert: 'MobileBertTokenizer',
  mpnet: 'MPNetTokenizer',
  mt5: 'MT5Tokenizer',
  mvp: 'MvpTokenizer',
  'openai-gpt': 'OpenAIGPTTokenizer',
  opt: 'GPT2Tokenizer',
  pegasus: 'PegasusTokenizer',
  plbart: 'PLBartTokenizer',
  qwen2: 'Qwen2Tokenizer',
  reformer: 'ReformerTokenizer',
  rembert: 'RemBertTokenizer',
  roberta: 'RobertaTokenizer',
  speech_to_text: 'Speech2TextTokenizer',
  t5: 'T5Tokenizer',
  whisper: 'WhisperTokenizer',
  xglm: 'XGLMTokenizer',
  xlm: 'XLMTokenizer',
  'xlm-roberta': 'XLMRobertaTokenizer',
  xlnet: 'XLNetTokenizer',
};

/**
 * The class that a folder says its tokenizer is of: `tokenizer_class` of tokenizer_config.json, or else that of
 * config.json, or else the usual one of its `model_type`.
 */
export function tokenizerClass(config: Component, modelConfig: Component): string | undefined {
  for (const { tokenizer_class: stated } of [config, modelConfig]) if (typeof stated === 'string') return stated;
  const type = modelConfig.model_type;
  return typeof type === 'string' && Object.hasOwn(classes, type) ? classes[type] : undefined;
}
