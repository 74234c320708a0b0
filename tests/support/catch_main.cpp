// Catch2 v2 has no ready-made main; v3 has, and this file is then left out.
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
