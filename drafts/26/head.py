s=open('/tmp/w/26.md').read()
# keep header yaml and first code cell
i=s.index('```{code-cell}\n:tags: [hide-input]\n\n# Set-up'); j=s.index('```\n', i)+4
open('/tmp/w/26/yaml.txt','w').write(s[:s.index('# The one question')])
open('/tmp/w/26/setup.txt','w').write(s[i:j])
