/* Runs a generated file, called NETWORK, whose name is net: its self-check, then INPUTS drawn inputs, of whose outputs it prints a hash.
   On every machine that has to be the same. A network has one input and one output here. */
#include NETWORK

void print(const char* text);
void start_count(void);
uint32_t instructions_in_thousands(void);

static uint8_t arena[net_arena_bytes];

static void print_number(const char* name, uint32_t value, uint32_t base) {
  char digits[16];
  size_t at = sizeof digits - 1;
  digits[at] = 0;
  do {
    digits[--at] = "0123456789abcdef"[value % base];
    value /= base;
  } while (value != 0);
  print(name);
  print(digits + at);
}

int main(void) {
  uint32_t state = 1, hash = 2166136261U;
  const int failed = net_self_check(arena);
  print(failed ? "self-check FAILED" : "self-check 0");
  start_count();
  for (int i = 0; i < INPUTS; ++i) {
    net_draw(&state, arena + net_input_offset, net_input_bytes, 0, 255);
    net_run(arena + net_input_offset, arena + net_output_offset, arena);
    hash = net_hashed(hash, arena + net_output_offset, net_output_bytes);
  }
  print_number(", hash ", hash, 16);
  if (instructions_in_thousands() != 0) print_number(", thousand instructions an input ", instructions_in_thousands() / INPUTS, 10);
  print("\n");
  return failed;
}
