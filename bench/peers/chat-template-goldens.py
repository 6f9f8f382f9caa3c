"""What transformers makes of chats: packages/text/goldens/chat-templates.json.

    pip install transformers==5.24.0 jinja2==3.1.6 && python bench/peers/chat-template-goldens.py

The templates are minimal ones of well-known forms.
"""

import json
import pathlib

from transformers.utils.chat_template_utils import render_jinja_template

folder = pathlib.Path(__file__).resolve().parents[2] / "packages" / "text" / "goldens"

templates = {
    "chatml": """{% for message in messages %}
{% if loop.first and message.role != 'system' %}
{{ '<|im_start|>system\\nBe brief.<|im_end|>\\n' }}
{%- endif %}
{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
{%- endfor %}
{% if add_generation_prompt %}
{{ '<|im_start|>assistant\\n' }}
{%- endif %}""",
    "llama2": """{% if messages[0]['role'] == 'system' %}{% set system = '<<SYS>>\\n' + messages[0]['content'] | trim + '\\n<</SYS>>\\n\\n' %}{% set turns = messages[1:] %}{% else %}{% set system = '' %}{% set turns = messages %}{% endif %}
{%- for message in turns %}
{%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate user/assistant') }}{% endif %}
{%- if message['role'] == 'user' %}{{ bos_token + '[INST] ' + (system if loop.first else '') + message['content'] | trim + ' [/INST]' }}
{%- else %}{{ ' ' + message['content'] | trim + ' ' + eos_token }}{% endif %}
{%- endfor %}""",
    "llama3": """{{- bos_token }}
{%- if tools is not none %}{{- '<|start_header_id|>system<|end_header_id|>\\n\\n' }}{%- for tool in tools %}{{- tool | tojson(indent=4) }}{{- '\\n' }}{%- endfor %}{{- '<|eot_id|>' }}{%- endif %}
{%- for message in messages %}
    {%- if 'tool_calls' in message %}
        {%- for call in message.tool_calls %}{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' + (call.function | tojson) + '<|eot_id|>' }}{%- endfor %}
    {%- else %}
        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' + message['content'] | trim + '<|eot_id|>' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}
""",
    "zephyr": """{% for message in messages %}
{% if message['role'] == 'user' %}
{{ '<|user|>\n' + message['content'] + eos_token }}
{% elif message['role'] == 'system' %}
{{ '<|system|>\n' + message['content'] + eos_token }}
{% elif message['role'] == 'assistant' %}
{{ '<|assistant|>\n'  + message['content'] + eos_token }}
{% endif %}
{% if loop.last and add_generation_prompt %}
{{ '<|assistant|>' }}
{% endif %}
{% endfor %}""",
    "mistral": """{%- set ns = namespace(index=0) %}{{ bos_token }}
{%- for message in messages if message.role != 'system' %}
    {%- if message.role == 'user' %}
        {{- '[INST] ' ~ message.content ~ '[/INST]' }}
    {%- elif message.role == 'assistant' %}
        {{- ' ' ~ message.content | trim ~ eos_token }}
    {%- else %}
        {{- raise_exception('Only user, system and assistant roles are supported, got ' ~ message.role) }}
    {%- endif %}
    {%- set ns.index = ns.index + 1 %}
{%- endfor %}""",
    "marked": """{% for message in messages %}
{% if message.role == 'assistant' %}
<|assistant|>
{% generation %}
{{ message.content }}{{ eos_token }}
{% endgeneration %}
{% else %}
<|{{ message.role }}|>
{{ message.content }}
{% endif %}
{% endfor %}
{% if add_generation_prompt %}
<|assistant|>
{% endif %}""",
    "marked-tight": """{%- for message in messages -%}
  {{- '<' + message.role + '>' }} {%- if message.role == 'assistant' %} {%- generation -%}  {{- message.content + eos_token -}}  {%- endgeneration -%}
  {%- else -%} {{- message.content -}} {%- endif -%} {{- '|\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt %}{{ '<assistant>' }}{% endif -%}""",
}
say = lambda role, content, **more: {"role": role, "content": content, **more}
chats = {
    "one": [say("user", "Hi")],
    "turn": [say("user", "Hi  there "), say("assistant", " Hello!\n")],
    "long": [
        say("system", "Be kind."), say("user", "1+1?"), say("assistant", "2"), say("user", "Sure? 😀"),
        say("assistant", "Yes: \"2\" é中\n\nreally"), say("user", "ok\n"),
    ],
    "same": [say("user", "a"), say("assistant", "a"), say("user", "a"), say("assistant", "a")],
    "order": [say("user", "a"), say("user", "b")],
    "tool-role": [say("user", "a"), say("tool", "b")],
    "calls": [
        say("user", "Weather?"),
        {"role": "assistant", "tool_calls": [{"type": "function", "function": {"name": "weather", "arguments": {"city": "Zürich <b>", "days": 2, "t": True}}}]},
        say("tool", "22"),
    ],
}
tools = [{"type": "function", "function": {"name": "weather", "description": "It's <now>", "parameters": {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}, "required": ["city"]}}}]
special = {"bos_token": "<s>", "eos_token": "</s>"}

rows = []
for name, template in templates.items():
    for chat, messages in chats.items():
        if (chat == "calls") != (name == "llama3") and chat == "calls":
            continue
        for prompt in [False, True]:
            row = {"template": name, "chat": chat, "prompt": prompt}
            given = tools if chat == "calls" else None
            try:
                text, spans = render_jinja_template(
                    conversations=[messages], chat_template=template, add_generation_prompt=prompt, tools=given,
                    return_assistant_tokens_mask="marked" in name, **special,
                )
                row["text"] = text[0]
                if "marked" in name:
                    row["replies"] = [text[0][a:b] for a, b in spans[0]]
            except Exception as error:
                row["error"] = str(error)
            rows.append(row)
written = {"templates": templates, "chats": chats, "tools": tools, "special": special, "rows": rows}
(folder / "chat-templates.json").write_text(json.dumps(written, separators=(",", ":"), ensure_ascii=True) + "\n")
