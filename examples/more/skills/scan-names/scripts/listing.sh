# Print the size in bytes and the name of each file in a folder: listing.sh FOLDER
for file in "$1"/*; do
    printf '%s %s\n' "$(wc -c < "$file")" "${file##*/}"
done
