head = open('/tmp/w/22/t22.md').read()
i = head.index('```{code-cell}\n:tags: [hide-input]\n\n# Set-up'); j = head.index('```\n', i+5)+4
setup = head[i:j]
front = head[:head.index('# The one question')]
body = open('/tmp/w/22/body.md').read()
open('/tmp/w/22/22.md','w').write(front + body.replace('<<SETUP>>', setup.rstrip('\n')))
