#compdef clenet
# Completion of clenet's commands and options in zsh, with what "clenet --help" and "clenet COMMAND --help" say of each at
# that moment. The name of a command may have two words. Anything else is a file.
local -a all rows
local -i last=2 # word of the command's name
all=(${(f)"$($words[1] --help 2>/dev/null | sed -n 's/^  \([^ ].*\)/\1/p')"})
((CURRENT > 2)) && print -rl -- $all | grep -q "^$words[2] [^ ]" && last=3
if ((CURRENT > last)); then
    rows=(${(f)"$($words[1] ${words[2,last]} --help 2>/dev/null | sed -n 's/^  \([^ ].*\)/\1/p')"})
    if [[ $words[CURRENT] = -* ]]; then
        rows=(${(f)"$(print -rl -- ${(M)rows:#--*} | sed 's/^\([^ ]*\)\( [A-Z]*\)\{0,1\}  */\1:/')"})
        _describe -o option rows
    else
        _files
    fi
elif ((CURRENT == 3)); then
    rows=(${(f)"$(print -rl -- $all | sed -n "s/^$words[2] \([^ ].*\)/\1/p" | sed 's/  */:/')"} '--help:list the commands')
    _describe command rows
else
    rows=(${(f)"$(print -rl -- $all | sed 's/^\([^ ]*\) [^ ].*/\1:one of several commands/; s/  */:/' | uniq)"}
          '--help:list the commands' '--version:print the version')
    _describe command rows
fi
