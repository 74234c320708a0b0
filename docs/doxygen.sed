# What Doxygen reads. Links between pages go by the path from the root, without anchors, which it names otherwise.
s|](\([a-z_]*\.md\)\(#[^)]*\)\{0,1\})|](docs/\1)|g
s|](\.\./\([a-z_]*\.md\)\(#[^)]*\)\{0,1\})|](docs/\1)|g
s|](\(lab/\)\{0,1\}\(2[0-9a-z-]*\.md\)\(#[^)]*\)\{0,1\})|](docs/lab/\2)|g
s|](docs/\([a-z_]*\.md\)#[^)]*)|](docs/\1)|g
s|](\.\./\([A-Z]*\.md\)\(#[^)]*\)\{0,1\})|](\1)|g
s|](\.\./\(examples/[^)]*\))|](\1)|g
s|](\(\.\./\)*include/trimtab/\([^)]*\))|](@ref \2)|g
# "eq. 4" does not end a sentence.
s|eq\. \([0-9]\)|eq.\\ \1|g
