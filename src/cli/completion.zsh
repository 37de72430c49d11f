#compdef clenet
# Completion of clenet's commands and options in zsh, with what "clenet --help" and "clenet COMMAND --help" say of each at
# that moment. Anything else is a file.
local -a rows
rows=(${(f)"$($words[1] ${words[2,CURRENT < 3 ? 1 : 2]} --help 2>/dev/null | sed -n 's/^  \([^ ].*\)/\1/p')"})
if ((CURRENT == 2)); then
    rows=(${(f)"$(print -rl -- $rows | sed 's/  */:/')"} '--help:list the commands' '--version:print the version')
    _describe command rows
elif [[ $words[CURRENT] = -* ]]; then
    rows=(${(f)"$(print -rl -- ${(M)rows:#--*} | sed 's/^\([^ ]*\)\( [A-Z]*\)\{0,1\}  */\1:/')"})
    _describe -o option rows
else
    _files
fi
