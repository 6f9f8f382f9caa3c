/**
 * Chat templates (Jinja, the `chat_template` of `tokenizer_config.json`) over `messages` of `{role, content}`. With
 * `add_generation_prompt` they end where the reply starts.
 */
export const chatTemplates = {
  /** `User: …` and `Agent: …` turns of a line each; the end-of-text token closes a reply. */
  'user-agent':
    "{% for message in messages %}{{ {'user': 'User: ', 'assistant': 'Agent: '}.get(message['role'], 'System: ') + message['content'] }}" +
    "{{ (eos_token or '') if message['role'] == 'assistant' else '' }}{{ '\\n' }}{% endfor %}" +
    "{% if add_generation_prompt %}{{ 'Agent:' }}{% endif %}",
  /** ChatML: `<|im_start|>role`, a line break, the content, `<|im_end|>`. */
  chatml:
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}{% endfor %}" +
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}",
} as const;

export type ChatPreset = keyof typeof chatTemplates;

/** Special tokens that a preset needs besides those of the roles. */
export const chatTokens: Readonly<Record<ChatPreset, readonly string[]>> = {
  'user-agent': [],
  chatml: ['<|im_start|>', '<|im_end|>'],
};
