"""Names of well-known programs by what they do with their arguments."""

from __future__ import annotations

__all__ = [
    "FIRST_IS_PROGRAM",
    "GH_READS",
    "GIT_HISTORY",
    "GIT_READS",
    "GIT_REMOTE",
    "INSTALLERS",
    "INSTALLING",
    "LAST_IS_OUTPUT",
    "NETWORK_PROGRAMS",
    "OUTPUT_OPTIONS",
    "QUESTIONS",
    "READERS",
    "SILENT",
    "VALUE_OPTIONS",
]


def _names(words: str) -> frozenset[str]:
    return frozenset(words.split())


OUTPUT_OPTIONS = tuple(
    sorted(_names("-o --output --out --outfile --output-file --output-dir --outdir --dest --out-dir"))
)
"""Options whose value is written, in nearly every program."""
QUESTIONS = _names("--version -v -V -version version --help -h help")
"""Arguments that make any program only tell about itself."""
SILENT = _names("""
echo printf date pwd whoami uname id true false sleep seq expr bc which type command hostname nproc uptime
basename dirname : exit return break continue shift set test [ [[ wait read local declare readonly unset
""")
"""Programs and words of the shell that touch no file."""
READERS = _names("""
cat head tail less more wc grep egrep fgrep rg ag sort uniq cut diff cmp comm join paste file stat ls tree
du df md5sum sha1sum sha256sum sha512sum shasum od xxd hexdump strings nl tac column fold fmt realpath
readlink bat tr identify ffprobe pdfinfo pdffonts exiftool mediainfo xmllint csvlook csvstat csvcut csvgrep
shellcheck jq yq awk gawk sed find fd soxi zipinfo nm objdump ldd rev expand
""")
"""Programs that read the files they are given and print."""
FIRST_IS_PROGRAM = _names("grep egrep fgrep rg ag jq yq awk gawk sed tr csvgrep fd")
"""Those whose first argument is no file."""
VALUE_OPTIONS = tuple(
    sorted(_names("-e -f -n -m -A -B -C -F -v -d -k -t -c -s --arg -I -show_entries -of -name"))
)
"""Their options that take a value."""
LAST_IS_OUTPUT = _names("""
cp mv install ln convert magick pdftotext qpdf pdftoppm pdftocairo cwebp sox montage composite wkhtmltopdf
rsvg-convert ffmpeg img2pdf ocrmypdf pdfunite
""")
"""Programs that write the last file they are given."""
NETWORK_PROGRAMS = _names("""
yt-dlp youtube-dl aws gcloud az docker docker-compose podman kubectl helm npx uvx pnpx bunx ssh scp sftp rsync
ftp nc telnet dig nslookup host ping terraform tofu ansible vercel netlify fly heroku stripe glab sf
psql mysql mongosh redis-cli http https aria2c rclone gsutil firebase supabase wrangler ngrok
""")
"""Programs not read further here that use the network."""
INSTALLERS = {
    **dict.fromkeys(("pip", "pip3", "pipx", "uv"), "pypi.org"),
    **dict.fromkeys(("npm", "pnpm", "yarn", "bun"), "registry.npmjs.org"),
    **dict.fromkeys(("apt", "apt-get", "dnf", "yum", "apk"), "*"),
    "conda": "conda.anaconda.org",
    "brew": "formulae.brew.sh",
    "cargo": "crates.io",
    "gem": "rubygems.org",
    "go": "proxy.golang.org",
}
"""Installers, each with the host it asks."""
INSTALLING = _names("install add i ci sync update upgrade tap get")
"""What they are told to install something."""
GIT_READS = _names(
    "status log diff show blame rev-parse ls-files describe shortlog grep branch remote config rev-list "
    "merge-base cat-file"
)
GIT_HISTORY = _names("commit tag add")
GIT_REMOTE = _names("push fetch ls-remote")
GH_READS = _names("view list status diff checks watch")
