# Completion of clenet's commands, options and their words in fish. All of it is read from what "clenet --help" and
# "clenet COMMAND --help" print at that moment, so nothing is listed here.

# The rows of the help of a command, or of the program: commands or options with their dashes, arguments, and help.
function __clenet_rows
    set -l words (commandline -opc)
    $words[1] $argv --help 2>/dev/null | string match -r '^  [^ ].*' | string trim
end

# The words of the command that are there already: two if its name has two.
function __clenet_command
    set -l words (commandline -opc)
    set -l last 2
    test (count $words) -gt 1; or return
    test (count $words) -gt 2; and __clenet_rows | string match -qr "^$words[2] $words[3]  "; and set last 3
    string join \n $words[2..$last]
end

# "NAME<tab>HELP" of each row; an argument in capitals belongs to neither.
function __clenet_described
    __clenet_rows $argv | string replace -r '^(\S+)( [A-Z]\S*)?\s+' '$1\t'
end

# The first words of the commands, and the second ones behind one of these.
function __clenet_first
    __clenet_rows | string replace -r '^(\S+) \S.*' '$1  one of several commands' | string replace -r '^(\S+)\s+' '$1\t' | uniq
end
function __clenet_second
    __clenet_rows | string match -r "^$argv[1] \S.*" | string replace -r '^\S+ (\S+)\s+' '$1\t'
end

# The help of an option of a command; where it refers to another command, the help of the option there.
function __clenet_help
    set -l help (__clenet_rows $argv[2..] | string match -r "^$argv[1] .*")[1]
    set -l other (string match -r "as for 'clenet ([a-z]+)'" -- $help)[2]
    if test -n "$other" -a "$other" != "$argv[2..]"
        set help (__clenet_rows $other | string match -r "^$argv[1] .*")[1]
    end
    string replace -r '^\S+ ' '' -- $help
end

# The words among "a, b, or a file (default a)": those of small letters without a blank, where there is an "or".
function __clenet_words
    string match -q '* or *' -- $argv[1]; or return
    string replace -r ' \(default.*' '' -- $argv[1] | string replace -r '^\S+' '' | string replace -ar ',* or ' ', ' |
        string replace -ar '\[[^]]*\]' '' | string split , | string trim | string match -r '^[a-z][a-z0-9-]*$'
end

function __clenet_complete
    set -l command (__clenet_command)
    set -l word (commandline -ct)
    if test -z "$command"
        __clenet_first
        printf '%s\t%s\n' --help 'list the commands' --version 'print the version'
        return
    end
    if test (count $command) -eq 1; and set -l second (__clenet_second $command); and test -n "$second"
        printf '%s\n' $second --help\t'list the commands'
        return
    end
    if string match -q -- '-*' $word
        __clenet_described $command | string match -- '--*'
        return
    end
    # The value of an option has an argument in capitals in its row; anything else is a file.
    set -l before (commandline -opc)[-1]
    set -l help
    string match -q -- '--*' $before; and set help (__clenet_help $before $command)
    string match -qr '^[A-Z]+ ' -- $help; or set help 'FILE '
    __clenet_words $help
    if string match -q 'FOLDER *' -- $help
        __fish_complete_directories $word
    else if string match -qr '^FILE |file|folder' -- $help
        __fish_complete_path $word
    end
end

complete -c clenet -f -a '(__clenet_complete)'
