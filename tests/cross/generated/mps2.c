/* What main.c needs, on the board MPS2 with a Cortex-M as QEMU has it: vectors, zeroed memory, semihosting. With -icount shift=0 an
   instruction takes a nanosecond, and the board's timer counts 40 of them a tick. */
#include <stdint.h>

extern uint32_t bss_begin, bss_end, stack_end;
int main(void);
void reset(void);
void print(const char* text);
void start_count(void);
uint32_t instructions_in_thousands(void);

static int semihosting(int operation, const void* argument) {
  register int r0 __asm__("r0") = operation;
  register const void* r1 __asm__("r1") = argument;
  __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
}

static volatile uint32_t* const timer = (volatile uint32_t*)0x40000000; /* control, value, reload */

void print(const char* text) { semihosting(0x04, text); }
void start_count(void) {
  timer[2] = timer[1] = 0xffffffffU;
  timer[0] = 1;
}
uint32_t instructions_in_thousands(void) { return (uint32_t)((uint64_t)(0xffffffffU - timer[1]) * 40 / 1000); }

void reset(void) {
  for (uint32_t* word = &bss_begin; word < &bss_end; ++word) *word = 0;
  const uint32_t exit_block[2] = {0x20026 /* the program ended */, (uint32_t)main()};
  semihosting(0x20, exit_block);
  for (;;) {
  }
}

__attribute__((section(".vectors"), used)) static const void* const vectors[16] = {&stack_end, (const void*)reset};
