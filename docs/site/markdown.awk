# What Doxygen reads of a page or a header, `awk -f docs/site/markdown.awk FILE`. Pages and their headings get the names that links on
# GitHub use: docs/train.md becomes train.html, its "## A whole network" train.html#train-a-whole-network.
function page_of(path) {  # docs/lab/2026-11-26-mpi.md: lab-2026-11-26-mpi
  gsub(/\.\.\//, "", path)
  if (path ~ /(^|\/)2[0-9][0-9][0-9]-/) path = "lab-" path
  sub(/lab-.*\//, "lab-", path)
  sub(/.*\//, "", path)
  sub(/\.md$/, "", path)
  return path == "README" ? "index" : tolower(path)
}
function anchor_of(heading) {
  heading = tolower(heading)
  gsub(/[^a-z0-9 _-]/, "", heading)
  gsub(/ /, "-", heading)
  return heading
}
function target_of(link,   file, anchor, name) {
  if (link ~ /^(https?|mailto):/ || link ~ /figures\//) return link
  file = link
  sub(/#.*/, "", file)
  anchor = substr(link, length(file) + 2)
  if (file == "" || file ~ /\.md$/) {
    name = file == "" ? page : page_of(file)
    return name ".html" (anchor == "" ? "" : "#" name "-" anchor)
  }
  if (file ~ /include\/trimtab\/.*\.hpp$/) {
    sub(/.*include\/trimtab\//, "", file)
    return "@ref " file
  }
  if (file ~ /examples\/[a-z0-9_]*\.cpp$/) {
    gsub(/.*\/|\.cpp$/, "", file)
    return file "_8cpp-example.html"
  }
  return ""  # of the repository, not of the site
}
function linked(text,   out, link, label) {
  out = ""
  while (match(text, /\]\([^() ]+\)/)) {
    link = target_of(substr(text, RSTART + 2, RLENGTH - 3))
    if (link != "") {
      out = out substr(text, 1, RSTART + 1) link ")"
    } else {
      label = substr(text, 1, RSTART - 1)
      match(label, /\[[^[]*$/)
      out = out substr(label, 1, RSTART - 1) substr(label, RSTART + 1)
      match(text, /\]\([^() ]+\)/)
    }
    text = substr(text, RSTART + RLENGTH)
  }
  return out text
}
FNR == 1 { markdown = FILENAME ~ /\.md$/; page = page_of(FILENAME) }
markdown && /^ *```/ { code = !code }
markdown && (code || /^    /) { print; next }
{ while (match($0, /eq\. [0-9]/)) $0 = substr($0, 1, RSTART + 2) "\\ " substr($0, RSTART + 4) }  # "eq. 4" does not end a sentence
!markdown { print; next }
/^#+ / {
  heading = $0
  sub(/^#+ */, "", heading)
  anchor = anchor_of(heading)
  if (count[anchor]++) anchor = anchor "-" (count[anchor] - 1)
  name = titled++ ? page "-" anchor : page
  if (page != "index")
    print linked($0) " {#" name "}"
  else if (name == "index")
    print
  else  # plain, or else the navigation lists them among the groups of pages
    print "<h2 id=\"" name "\">" heading "</h2>\n"
  next
}
{ print linked($0) }
