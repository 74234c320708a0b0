# site.sh FOLDER SITE: what Doxygen made of FOLDER in SITE hangs together. Every link leads to a file that is there and every #anchor to
# an element of it, pictures and scripts too; each page of docs/ stands in the navigation, and each entry of the navigation leads somewhere.
cd "$2" || exit 1
failed=0
rm -f ../site_links
# Out: "have PAGE", "have PAGE#ID" and "want PAGE TARGET".
ls | awk '{ print "have " $0 }' >>../site_links
ls search | awk '{ print "have search/" $0 }' >>../site_links
awk '
  {
    text = $0
    while (match(text, /[ <](id|name|href|src)="[^"]*"/)) {
      attribute = substr(text, RSTART + 1, RLENGTH - 2)
      text = substr(text, RSTART + RLENGTH)
      value = attribute
      sub(/^[a-z]*="/, "", value)
      if (attribute ~ /^(id|name)=/) { print "have " FILENAME "#" value; continue }
      if (value ~ /^(https?:|mailto:|javascript:|data:|#?$)/) continue
      gsub(/&amp;/, "\\&", value)
      if (value == "#nested-classes") continue  # made by Doxygen itself, where all of them are hidden
      print "want " FILENAME " " (value ~ /^#/ ? FILENAME value : value)
    }
  }' *.html >>../site_links
grep -o '"[a-z0-9_-]*\.html"' navtreedata.js | tr -d '"' | sed 's/^/want navigation /' >>../site_links
sort -u ../site_links | awk '  # what there is comes before what is wanted
  $1 == "have" { have[$2] = 1 }
  $1 == "want" { ++count; if (!($3 in have)) { print $2 ": leads nowhere: " $3; failed = 1 } }
  END { print count " links"; exit failed || count < 1000 }' || failed=1
for page in $(cd "$1" && echo docs/*.md); do
  page=$(basename "$page" .md).html
  grep -q "\"$page\"" navtreedata.js || { echo "docs/site/layout.xml lacks $page"; failed=1; }
done
exit $failed
